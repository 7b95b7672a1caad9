"""What a machine does to a program: disks, signals, processes that die, and files of strangers."""
