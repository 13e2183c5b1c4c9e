"""One folder a detector, each of which can be deleted; none imports another."""
