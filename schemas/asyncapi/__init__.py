"""The AsyncAPI document of the log's topics."""
