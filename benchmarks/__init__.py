"""What the academy costs, measured side by side in one run: `make bench`. Never part of the tests."""
