"""What each of two processes does for tests/test_parallel.py; it imports this package first, as any worker does."""

import recbole_iacn  # noqa: F401


def start(rank, port):
    import torch

    from recbole_iacn import parallel

    torch.set_num_threads(1)
    place = {"local_rank": rank, "offset": 0, "world_size": 2, "nproc": 2, "ip": "localhost", "port": port}
    parallel.start({"gpu_id": "", **place})


def exchange(rank, folder, port):
    """Every exchange, on values that differ in length and kind."""
    import torch

    from recbole_iacn import parallel

    start(rank, port)
    values = torch.arange(3 - rank) + 10 * rank  # 0 1 2 | 10 11
    norm = parallel.SharedBatchNorm(2)
    rows = torch.tensor([[1.0, 2.0], [3.0, 5.0], [8.0, 1.0]])[rank::2].requires_grad_()
    normed = norm(rows)
    (normed * torch.tensor([1.0, 2.0])).square().sum().backward()
    table, weight, unused = (torch.nn.Parameter(torch.zeros(5, 1)) for _ in range(3))
    if rank == 0:
        table.grad = torch.sparse_coo_tensor([[1, 3, 1]], [[1.0], [2.0], [5.0]], (5, 1))
        weight.grad = torch.ones(5, 1)
    parallel.average_gradients([weight, unused], [table])
    found = {
        "gather": parallel.gather(values),
        "own_first": parallel.own_first(values),
        "of_first": parallel.of_first(torch.tensor([rank + 5])),
        "object": parallel.object_of_first({"rank": rank}),
        "mean": parallel.mean(torch.tensor([1.0 + rank])),
        "total": parallel.total(3 + rank),
        "share": parallel.share(3, 8),
        "normed": normed.detach(),
        "rows_grad": rows.grad,
        "running": torch.stack([norm.running_mean, norm.running_var]),
        "table": table.grad.to_dense(),
        "weight": weight.grad,
        "unused": unused.grad,
    }
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def as_tuple(losses):
    """Of a model with one loss, that loss and a constant."""
    return losses if isinstance(losses, tuple) else (losses, losses.detach())


def gradients(rank, folder, port, cases):
    """Losses and gradients of this process's rows of the whole batch, for each case."""
    import torch

    from recbole_iacn import parallel
    from recbole_iacn.building import build

    start(rank, port)
    for name, (model_name, settings) in cases.items():
        # Other weights in each process, until the trainer makes them one.
        made = build(model_name, "tiny", config_dict={**settings, "seed": settings["seed"] + rank})
        model, trainer = made.model, made.trainer
        given = torch.load(f"{folder}/{name}-whole.pt", weights_only=False)
        if rank == 0:
            model.load_state_dict(given["state"])
        parallel.same_state(model)
        rows = given["batch"][torch.arange(rank, len(given["batch"]), 2)]
        torch.manual_seed(3 + rank)
        losses = as_tuple(model.calculate_loss(rows))
        sum(losses).backward()
        trainer._share_and_clip(torch.amp.GradScaler("cpu", enabled=False))
        found = {n: p.grad.to_dense() for n, p in model.named_parameters() if p.grad is not None}
        torch.save({"losses": torch.stack(losses).detach(), "gradients": found}, f"{folder}/{name}-{rank}.pt")
    torch.distributed.destroy_process_group()
