"""The commands of `autolearn`, one file each."""
