"""ECG and pulse waves read as they come, over Kafka: `python -m scale.stream demo`. See docs/stream.md."""
