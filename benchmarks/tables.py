"""Two operations of a training step: reading rows of an embedding table, and updating a table.

    python benchmarks/tables.py --threads 2

Prints milliseconds, medians of 20 repetitions. Reading is a forward and a backward pass, with ``embedding`` and with
``index_select``; updating is a whole step on 15,000 rows with D = 16, by Adam (fused) and by SparseAdam.
"""

import argparse
import os
import statistics
import time

# (rows read, rows of the table, width) for an attention's keys and hidden layer, categories, and a history's items
READS = ((14_600, 5_800, 64), (14_600, 5_800, 80), (14_600, 2_048, 80), (37_000, 2_277, 16), (20_480, 5_800, 16))
TABLES = (20_000, 60_000, 120_000, 250_000, 500_000, 2_000_000)


def median_ms(work, times=20):
    taken = []
    for _ in range(times + 2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1e3 * statistics.median(taken[2:])


def reads(count, rows, width):
    """Milliseconds with ``embedding`` and with ``index_select``."""
    import torch

    table, index = torch.randn(rows, width, requires_grad=True), torch.randint(0, rows, (count,))
    gradient = torch.randn(count, width)

    def read(by):
        table.grad = None
        by().backward(gradient)

    by_embedding = median_ms(lambda: read(lambda: torch.nn.functional.embedding(index, table)))
    return by_embedding, median_ms(lambda: read(lambda: table.index_select(0, index)))


def updates(rows):
    """Milliseconds with dense and with lazy Adam."""
    import torch

    milliseconds = []
    for sparse in (False, True):
        table = torch.nn.Embedding(rows, 16, sparse=sparse)
        kind, settings = (torch.optim.SparseAdam, {}) if sparse else (torch.optim.Adam, {"fused": True})
        optimizer = kind(list(table.parameters()), **settings)

        def step(table=table, optimizer=optimizer):
            ids = torch.randint(1, rows, (15_000,)).unique()
            optimizer.zero_grad()
            table(ids).sum().backward()
            optimizer.step()

        milliseconds.append(median_ms(step))
    return milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="number of PyTorch's threads (default: 1)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch

    torch.set_num_threads(given.threads)
    print("rows read, of, width: embedding, index_select")
    for sizes in READS:
        print("{:7,} {:7,} {:3}".format(*sizes), "{:7.2f} {:7.2f}".format(*reads(*sizes)), flush=True)
    print("rows of the table: dense, lazy Adam")
    for rows in TABLES:
        print(f"{rows:9,}", "{:7.2f} {:7.2f}".format(*updates(rows)), flush=True)


if __name__ == "__main__":
    main()
