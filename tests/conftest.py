"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Examples are few because the suite runs on small machines; a deadline would measure the machine and not the code.
settings.register_profile(
    "printwarden", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("printwarden")
