"""What is written from the models: the CRDs and the API reference."""
