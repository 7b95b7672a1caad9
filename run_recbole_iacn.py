"""Train a model from the command line: python run_recbole_iacn.py --model=DIN_IaCN --dataset=ml-100k --epochs=2"""

import sys

from recbole_iacn_command import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train"]
    main()
