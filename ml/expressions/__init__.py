"""The language of expressions over the columns of a table (docs/steps.md)."""
