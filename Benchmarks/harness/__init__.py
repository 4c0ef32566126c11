"""What `Benchmarks/run` is made of: children, servers, contenders, measurements and the table."""
