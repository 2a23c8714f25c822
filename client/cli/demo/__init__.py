"""`autolearn demo`: the main job on a real system."""
