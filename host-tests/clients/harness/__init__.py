"""What `run` is made of: preparing, starting and stopping, the gate, and the matrix itself."""
