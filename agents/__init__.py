"""Who decides and who works: deciders, Faust agents, training and evaluation."""
