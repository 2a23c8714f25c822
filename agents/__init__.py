"""The agents: deciders, dispatch, supervision, workers and executors."""
