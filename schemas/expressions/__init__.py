"""The syntax of expressions over the columns of a table; ml/expressions computes them."""
