"""Reading, typing and checking the files of datasets."""
