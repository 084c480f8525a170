#!/usr/bin/env python3
"""Training steps of tern and of PyTorch on this CPU, alternating, so that their ratio survives a noisy machine.

Needs PyTorch (pip install torch). Usage: tools/bench_pytorch.py --tern build/check/tools/tern [--rounds 7] [--threads 2]
Both train the same topology in fp32 on random images with SGD, momentum 0.9; PyTorch with channels_last and without, the
better counts. Prints a table of medians, or JSON with --json.
"""
import argparse
import json
import statistics
import subprocess
import time

import torch
from torch import nn


def vgg_small():
    layers, channels = [], 3
    for width in (128, 256, 512):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8192, 10))


class BasicBlock(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.extra = stride, width - channels

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu_(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        return torch.relu_(y + x)


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    channels = 16
    for width in (16, 32, 64):
        for i in range(3):
            layers.append(BasicBlock(channels, width, 2 if width != 16 and i == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class TorchSteps:
    def __init__(self, build, batch, channels_last):
        torch.manual_seed(1)
        form = torch.channels_last if channels_last else torch.contiguous_format
        self.net = build().to(memory_format=form)
        self.x = torch.randn(batch, 3, 32, 32).to(memory_format=form)
        self.y = torch.randint(0, 10, (batch,))
        self.opt = torch.optim.SGD(self.net.parameters(), 1e-3, momentum=0.9, weight_decay=1e-4)
        self.loss = nn.CrossEntropyLoss()
        for _ in range(2):
            self.step()

    def step(self):
        self.opt.zero_grad()
        self.loss(self.net(self.x), self.y).backward()
        self.opt.step()

    def seconds(self, steps):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - start)
        return statistics.median(times)


def tern_seconds(tern, model, batch, threads, steps):
    out = subprocess.run([tern, "bench", "train", model, "--batch", str(batch), "--threads", str(threads), "--steps", str(steps),
                          "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["step_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tern", required=True, help="the tern program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=5, help="steps a round")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    for model, build, batch in (("resnet20", resnet20, 128), ("vgg_small", vgg_small, 32)):
        contenders = [TorchSteps(build, batch, last) for last in (False, True)]
        ours, theirs = [], [[], []]
        for _ in range(args.rounds):
            ours.append(tern_seconds(args.tern, model, batch, args.threads, args.steps))
            for times, contender in zip(theirs, contenders):
                times.append(contender.seconds(args.steps))
        tern = statistics.median(ours)
        torch_seconds = min(statistics.median(t) for t in theirs)
        rows.append({"model": model, "batch": batch, "threads": args.threads, "tern_ms": 1e3 * tern,
                     "pytorch_ms": 1e3 * torch_seconds, "ratio": torch_seconds / tern, "pytorch": torch.__version__})
    if args.json:
        print(json.dumps(rows))
        return
    print(f"PyTorch {torch.__version__}, {args.threads} threads, medians of {args.rounds} alternating rounds of {args.steps} steps")
    for r in rows:
        print(f"{r['model']:10} batch {r['batch']:4}: tern {r['tern_ms']:8.1f} ms, PyTorch {r['pytorch_ms']:8.1f} ms, "
              f"tern is {r['ratio']:.2f} times as fast")


if __name__ == "__main__":
    main()
