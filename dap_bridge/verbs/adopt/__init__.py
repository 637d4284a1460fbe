"""The verb `adopt`: stems that something else made become a result that can be corrected."""
