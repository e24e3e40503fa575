"""What crosses a pipe: frames, and the values in them."""
