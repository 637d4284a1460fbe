"""Deep Audio Prior as published."""
