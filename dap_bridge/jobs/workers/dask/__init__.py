"""Workers that are processes of a Dask cluster, on other machines or on this one."""
