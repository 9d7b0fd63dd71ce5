"""Which cameras are held out together: every training rig is held out once, the measuring rigs always."""

FOLDS = {
    "a": ("yt_ender_compile", "yt_black_bed", "yt_purple_light", "yt_blue_hotend", "yt_red_hotend"),
    "b": ("yt_cr10_corner", "yt_cr10_red2", "yt_orange_desk", "vid7", "yt_voxelab", "yt_plant", "vidb"),
    "c": (
        "yt_grid_bed",
        "yt_grid_bed2",
        "m2_bright",
        "yt_orange_gantry",
        "yt_prusa_shelf",
        "yt_prusa_purple",
        "yt_brown_desk",
    ),
}
"""Rigs that look alike (the same bed or the same desk) stay in one fold."""
