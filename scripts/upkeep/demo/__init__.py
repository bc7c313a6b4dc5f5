"""The main job, shown: the failing requests of two upstream issues, before and after the patch."""
