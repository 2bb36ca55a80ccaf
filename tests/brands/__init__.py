"""Brands that tests make, and a way to serve one."""
