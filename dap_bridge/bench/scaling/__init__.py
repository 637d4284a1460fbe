"""Many clips on many workers: what a daemon alone takes a job, and what that comes to on more than there are."""
