"""Train a model from the command line: python run_recbole_iacn.py --model=DIN_IaCN --dataset=ml-100k --epochs=2"""

from recbole_iacn.cli.train import main

if __name__ == "__main__":
    main()
