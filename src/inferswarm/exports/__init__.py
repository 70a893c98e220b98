"""A finished run in forms that other tools read: one file of this package for each."""
