"""The pure parts of the renderer, and that the shipped demo clips are what clip.json says."""

import itertools
import json
import math
from importlib import resources

import cv2
import numpy as np
import pytest

from models.training.render import dataset, effects, parts, rooms, shapes, sketch, story, views
from models.training.render.builds import KINDS, Build
from models.training.render.strands import Nest, Tangle, grow

NEST = Nest((0.0, 0.0), 0.2, 0.3, 0.5, 0.5)
START, END = b"\xff\xd8\xff", b"\xff\xd9"


def _tangle(seed: int = 3, strands: int = 20) -> Tangle:
    return grow(
        np.random.default_rng(seed), NEST, strands, lambda x, y: 0.3 if math.hypot(x, y) < 0.2 else 0.0
    )


def _frames(clip: bytes) -> list[bytes]:
    pictures = clip.split(START)
    assert pictures[0] == b""
    return [START + picture for picture in pictures[1:]]


def test_growth_is_a_prefix():
    """Every strand of an earlier state begins the same strand of a later one; progress 1 is the whole tangle."""
    tangle = _tangle()
    states = [tangle.at(progress) for progress in (0.0, 0.1, 0.35, 0.8, 1.0)]
    assert states[0] == []
    for earlier, later in itertools.pairwise(states):
        assert len(earlier) <= len(later)
        for short, long in zip(earlier, later, strict=False):
            assert np.array_equal(short, long[: len(short)])
    assert sum(map(len, states[-1])) == tangle.total


def test_growth_is_deterministic():
    """The same seed gives the same strands, another seed others."""
    first, again, other = _tangle(3), _tangle(3), _tangle(4)
    assert all(np.array_equal(a, b) for a, b in zip(first.strands, again.strands, strict=True))
    assert not np.array_equal(first.strands[0], other.strands[0])


def test_strands_stay_above_the_bed_and_under_the_ceiling():
    """No strand goes through the bed, none rises past the nozzle's height."""
    points = np.vstack(_tangle(strands=60).strands)
    assert points[:, 2].min() >= 0
    assert points[:, 2].max() <= NEST.ceiling + 1e-9


@pytest.mark.parametrize("wide", [False, True])
def test_projection_centre_and_sides(wide):
    """The target lies in the middle, right is right, up is up, and what is behind the camera is outside."""
    view = views.View(np.array([0.0, -2.0, 0.0]), np.zeros(3), 60.0, 320, 240, wide)
    relative, inside = view.project(np.array([[0, 0, 0], [0.3, 0, 0], [0, 0, 0.3], [0, -4, 0]], float))
    assert relative[0] == pytest.approx([0.5, 0.5])
    assert relative[1][0] > 0.55
    assert relative[2][1] < 0.45
    assert inside.tolist() == [True, True, True, False]


def test_projection_edge_of_the_field():
    """A point at half the field of view lies on the picture's edge, through either lens."""
    for wide in (False, True):
        view = views.View(np.array([0.0, -1.0, 0.0]), np.zeros(3), 90.0, 320, 240, wide)
        relative, _ = view.project(np.array([[1.0, 0.0, 0.0]]))
        assert relative[0] == pytest.approx([1.0, 0.5])


def test_fisheye_map_agrees_with_projection():
    """The pixel that the bending takes for a point is where the straight picture shows that point."""
    bent = views.View(np.array([0.0, -1.5, 0.6]), np.zeros(3), 110.0, 320, 240, wide=True)
    wide, high = bent.render_size
    straight = views.View(bent.eye, bent.target, bent.render_fov, wide, high)
    points = np.array([[0.5, 0.1, 0.2], [-0.8, 0.3, 0.1]])
    map_x, map_y = bent.bend_map()
    for bent_at, straight_at in zip(bent.project(points)[0], straight.project(points)[0], strict=True):
        column, row = (bent_at * [320, 240]).astype(int)
        assert map_x[row, column] == pytest.approx(straight_at[0] * wide, abs=4)
        assert map_y[row, column] == pytest.approx(straight_at[1] * high, abs=4)


def test_region_holds_the_visible_points_only():
    """Hidden strands add nothing to mask, region or coverage."""
    view = views.View(np.array([0.0, -2.0, 0.3]), np.array([0.0, 0.0, 0.2]), 60.0, 320, 240)
    lines = [np.linspace([-0.3, 0, 0.1], [0.0, 0, 0.1], 20), np.linspace([0.2, 0, 0.2], [0.5, 0, 0.2], 20)]
    both = sketch.trace(lines, [np.ones(20, bool), np.ones(20, bool)], 0.01, view)
    first = sketch.trace(lines, [np.ones(20, bool), np.zeros(20, bool)], 0.01, view)
    none = sketch.trace(lines, [np.zeros(20, bool)] * 2, 0.01, view)
    assert both.region is not None
    assert first.region is not None
    assert first.region[2] < both.region[2]
    assert 0 < first.coverage < both.coverage
    assert none.region is None
    assert none.coverage == 0


def test_story_grows_then_fails():
    """Before the onset the part grows and nothing is loose; after it the part stands still and the tangle grows."""
    tale = story.make_story("spaghetti", np.random.default_rng(5), 10, 4, (0.5, 0.5, 0.5))
    assert [tale.progress(frame) for frame in range(4)] == [0.0] * 4
    assert tale.progress(4) > 0
    assert tale.progress(9) == 1
    heights = [tale.part_height(frame) for frame in range(10)]
    assert heights[:5] == sorted(set(heights[:5]))
    assert len(set(heights[4:])) == 1


@pytest.mark.parametrize("kind", story.KINDS)
def test_every_kind_of_print_can_be_built(kind):
    """Each kind gives pieces in each frame on each build, and the nozzle stays above the bed."""
    rng = np.random.default_rng(2)
    tale = story.make_story(kind, rng, 3, 1, rooms.filament(rng))
    build = Build(KINDS[0], (0, 0, 0), (0, 0, 0), (1, 0, 0), *[shapes.colour((0.5, 0.5, 0.5))] * 3)
    for frame in range(3):
        nozzle = tale.nozzle(frame)
        pieces = {**build.pieces(nozzle), **tale.pieces(frame, build.bed_offset(nozzle))}
        assert nozzle[2] > 0
        assert all("type" in piece for piece in pieces.values())
        assert ("strands" in pieces) == (bool(tale.strands(frame)))


def test_a_part_is_closed_and_as_high_as_asked():
    """The mesh ends at the asked height to within a layer and its faces point at existing vertices."""
    solid = parts.Solid((0.0, 0.0), (0.3, 0.2), 0.0, 0.5, "gear")
    body = parts.mesh_until(solid, 0.2)
    assert body is not None
    assert 0.2 - solid.layer <= body.vertices[:, 2].max() <= 0.2 + 1e-9
    assert body.faces.max() == len(body.vertices) - 1
    assert parts.mesh_until(solid, 0.0) is None


def test_any_long_prefix_of_the_set_is_balanced():
    """Failing and other kinds hold nearly constant shares however early the rendering stops."""
    for count in (64, 200, 777):
        failing = sum(job.kind in story.FAILING for job in dataset.jobs(count))
        assert 0.45 < failing / count < 0.72
    assert dataset.jobs(300)[:200] == dataset.jobs(200)
    assert len({job.name for job in dataset.jobs(500)}) == 500


@pytest.mark.parametrize(("name", "limit"), [("failing", 2_000_000), ("good", 1_000_000)])
def test_clip_is_whole_and_small(name, limit):
    """Each demo clip is a row of decodable JPEGs of one size, and small enough to ship."""
    data = resources.files("agent.demo").joinpath(f"{name}.mjpeg").read_bytes()
    pictures = _frames(data)
    assert len(data) <= limit
    assert all(picture.endswith(END) for picture in pictures)
    sizes = {cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape for picture in pictures}
    assert len(sizes) == 1


def test_clip_json_agrees_with_the_clip():
    """Frames, size and onset stand in clip.json as the clip has them."""
    folder = resources.files("agent.demo")
    facts = json.loads(folder.joinpath("clip.json").read_text())
    pictures = _frames(folder.joinpath("failing.mjpeg").read_bytes())
    first = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert len(pictures) == facts["frames"]
    assert first.shape == (facts["height"], facts["width"], 3)
    assert 0 < facts["onset"] < facts["frames"]
    assert facts["fps"] > 0


def test_unfinished_row_is_made_again(tmp_path):
    """A manifest whose last row was cut off by a kill loses that row and nothing else."""
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file,label\na.jpg,good\nb.jpg,fail")
    assert dataset._known(manifest) == {"a.jpg"}
    assert manifest.read_text() == "file,label\na.jpg,good\n"


def test_specks_go_and_strands_stay():
    """A lone glaring pixel is taken out; a line one pixel wide is not."""
    picture = np.full((20, 30, 3), 0.1, np.float32)
    picture[4, 5] = 9.0
    picture[12, 3:27] = 0.8
    calm = effects.despeckle(picture)
    assert calm[4, 5].max() < 0.2
    assert calm[12, 5:25].min() > 0.7
