"""Makes a tree of N files of a few bytes, 1,000 to a directory, for the soak. Usage: million_files.py ROOT N"""

import os
import sys

root, count = sys.argv[1], int(sys.argv[2])
made = 0
for top in range(1000):
    for low in range(10):
        directory = os.path.join(root, f"d{top:03}", f"e{low}")
        os.makedirs(directory, exist_ok=True)
        for i in range(1000):
            with open(os.path.join(directory, f"file-{i:04}.txt"), "w") as file:
                file.write(f"{made}\n")
            made += 1
            if made == count:
                sys.exit()
