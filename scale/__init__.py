"""When one machine is not enough: many records by Ray Data, searches by Ray Tune, training by Ray Train."""
