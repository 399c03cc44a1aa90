"""Teacher-student science behind the book: networks, gradients, metrics, theory, experiments."""
