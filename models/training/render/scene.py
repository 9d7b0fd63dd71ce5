"""Turns scene pieces into a Mitsuba scene and renders it; the only module that imports Mitsuba."""

import tempfile
from pathlib import Path
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from models.training.render.shapes import Shape, look_at
from models.training.render.views import View

mi.set_variant("scalar_rgb")
mi.set_log_level(mi.LogLevel.Error)

MATT = 0.21
"""From this roughness on a simplified surface has no gloss at all."""
LOOSE = ("strands", "tether", "blob")
"""Names of the scene pieces that are loose filament begin like this."""


def limit_threads(count: int) -> None:
    """Render on at most `count` threads from now on."""
    dr.set_thread_count(count)


def render(
    shapes: dict[str, Shape], view: View, samples: int, depth: int = 4, seed: int = 0
) -> NDArray[np.float32]:
    """Linear RGB picture (height, width, 3) of the pieces as the view sees them, before any lens distortion."""
    return _shoot(_load(shapes, view, samples, depth, "gaussian"), seed)


def render_with_sight(
    shapes: dict[str, Shape], view: View, samples: int, depth: int, seed: int, points: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The same picture, and which of the points on loose filament the camera sees past everything else.

    Its pixels do not share light paths, so that a speck stays a single pixel and can be taken out later.
    """
    scene = _load(shapes, view, samples, depth, "box")
    eye = np.asarray(view.eye, float)
    seen = np.zeros(len(points), dtype=bool)
    for index, point in enumerate(points):
        far = float(np.linalg.norm(point - eye))
        ray = mi.Ray3f(mi.Point3f(*eye.tolist()), mi.Vector3f(*((point - eye) / far).tolist()))
        hit = scene.ray_intersect(ray)
        seen[index] = not hit.is_valid() or hit.t > far - 0.03 or hit.shape.id().startswith(LOOSE)
    return _shoot(scene, seed), seen


def _load(shapes: dict[str, Shape], view: View, samples: int, depth: int, filter_kind: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        pieces = {name: _load_form(shape, Path(folder), name) for name, shape in shapes.items()}
        return mi.load_dict(
            {
                "type": "scene",
                "integrator": {"type": "path", "max_depth": depth},
                "sensor": _sensor(view, samples, filter_kind),
                **pieces,
            }
        )


def _shoot(scene: Any, seed: int) -> NDArray[np.float32]:
    return np.array(mi.render(scene, seed=mi.UInt32(seed)), dtype=np.float32)[:, :, :3]


def _sensor(view: View, samples: int, filter_kind: str) -> Shape:
    width, height = view.render_size
    return {
        "type": "perspective",
        "fov": view.render_fov,
        "fov_axis": "x",
        "near_clip": 0.01,
        "to_world": mi.ScalarTransform4f(look_at(view.eye, view.target)),
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "rfilter": {"type": filter_kind},
            "component_format": "float32",
            "pixel_format": "rgb",
        },
        "sampler": {"type": "multijitter", "sample_count": samples},
    }


def simple(value: Any) -> Any:
    """The same piece with rough lacquer replaced by smooth plastic, which takes a third less time."""
    if not isinstance(value, dict):
        return value
    if value.get("type") == "roughplastic" and value["alpha"] < MATT:
        return {"type": "plastic", "diffuse_reflectance": value["diffuse_reflectance"]}
    if value.get("type") == "roughplastic":
        return {"type": "diffuse", "reflectance": value["diffuse_reflectance"]}
    return {key: simple(item) for key, item in value.items()}


def _load_form(value: Any, folder: Path, name: str) -> Any:
    """The same piece with transforms, textures, curves and meshes in the form in which Mitsuba takes them."""
    if not isinstance(value, dict):
        return mi.ScalarTransform4f(value.tolist()) if isinstance(value, np.ndarray) else value
    form = {
        key: _load_form(item, folder, f"{name}_{key}")
        for key, item in value.items()
        if key not in ("array", "lines", "vertices", "faces", "radius" if "lines" in value else "")
    }
    if "array" in value:
        form["bitmap"] = mi.Bitmap(value["array"])
    if "lines" in value:
        form["filename"] = str(_write_curves(folder / f"{name}.txt", value["lines"], value["radius"]))
    if "vertices" in value:
        form["filename"] = str(_write_ply(folder / f"{name}.ply", value["vertices"], value["faces"]))
    return form


def _write_curves(path: Path, lines: list[NDArray[np.float64]], radius: float) -> Path:
    with path.open("w") as file:
        for line in lines:
            file.writelines(f"{x:.5f} {y:.5f} {z:.5f} {radius}\n" for x, y, z in line)
            file.write("\n")
    return path


def _write_ply(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> Path:
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    table = np.empty(len(faces), dtype=[("count", "u1"), ("index", "<i4", 3)])
    table["count"], table["index"] = 3, faces
    path.write_bytes(header.encode() + vertices.astype("<f4").tobytes() + table.tobytes())
    return path
