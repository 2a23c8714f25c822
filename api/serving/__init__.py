"""The process type `serve`: models answer, by the Open Inference Protocol and a friendly form."""
