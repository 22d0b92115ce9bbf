"""What several tests share and no fixture should be: real servers, threads that start together, a quick password hasher."""
