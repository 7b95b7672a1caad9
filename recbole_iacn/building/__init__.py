"""The one door to a training: ``build`` checks all settings, then makes all parts of it."""

from recbole_iacn.building.assembly import assemble, build, configure
from recbole_iacn.building.training import Training

__all__ = ["Training", "assemble", "build", "configure"]
