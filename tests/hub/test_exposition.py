"""The text that Prometheus reads."""

from hub.exposition import Family, Histogram, Sample, counter, gauge, render


def test_one_line_a_sample_with_help_and_type():
    text = render([gauge("a_bytes", "How much.", 1.5), counter("b_total", "How often.", 3.0)])
    assert text.splitlines() == [
        "# HELP a_bytes How much.",
        "# TYPE a_bytes gauge",
        "a_bytes 1.5",
        "# HELP b_total How often.",
        "# TYPE b_total counter",
        "b_total 3",
    ]


def test_what_would_break_a_line_is_escaped():
    text = render([Family("a", "gauge", "x\ny", (Sample(True, {"l": 'q"u\\o\nte'}),))])
    assert text.splitlines()[0] == "# HELP a x\\ny"
    assert text.splitlines()[2] == 'a{l="q\\"u\\\\o\\nte"} 1'


def test_a_family_without_samples_is_left_out():
    assert render([Family("a", "gauge", "x", ())]) == ""


def test_a_histogram_counts_up_to_each_bound():
    histogram = Histogram("d_seconds", "How long.", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(value)
    assert render([histogram.family()]).splitlines()[2:] == [
        'd_seconds_bucket{le="0.1"} 2',
        'd_seconds_bucket{le="1"} 3',
        'd_seconds_bucket{le="+Inf"} 4',
        "d_seconds_sum 7.65",
        "d_seconds_count 4",
    ]
