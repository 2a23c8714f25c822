"""Reports that operations give."""
