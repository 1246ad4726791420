"""The source of the borrowers: versions of a model, one for each tree depth.  Arguments: its name, depths."""

from common import arguments, registered

name, *depths = arguments()
registered(name, *map(int, depths))
