"""A reader for each kind of file, behind `cardiac.records`: bytes in, `Raw` out, nothing settled."""
