"""RISP's own way, in floats: lists of events by time, leak and floor when something arrives. Slow and obvious.

It shares nothing with the program: what the shell answers is held against it.
"""

from __future__ import annotations

import math


class RispTwin:
    """A network of TENNLab on a RISP processor."""

    def __init__(self, entry):
        params = entry["Associated_Data"]["proc_params"]
        self.params = params
        index = {
            row["name"]: row["index"]
            for kind in ("node_properties", "edge_properties")
            for row in entry["Properties"][kind]
        }
        table = params.get("weights")
        largest = params["max_weight"] if table is None else max(table)
        self.factor = params.get("spike_value_factor", largest)
        self.ids = sorted(node["id"] for node in entry["Nodes"])
        mode = params.get("leak_mode", "none")
        self.threshold, self.leaks, self.synapses = {}, {}, {node: [] for node in self.ids}
        for node in entry["Nodes"]:
            self.threshold[node["id"]] = node["values"][index["Threshold"]]
            own = mode == "configurable" and node["values"][index["Leak"]] != 0
            self.leaks[node["id"]] = mode == "all" or own
        for edge in entry["Edges"]:
            weight = edge["values"][index["Weight"]]
            weight = weight if table is None else table[int(weight)]
            self.synapses[edge["from"]].append((edge["to"], weight, int(edge["values"][index["Delay"]])))
        self.clear_activity()

    def clear_activity(self):
        self.charge = dict.fromkeys(self.ids, 0.0)
        self.events = []
        self.ravens = []
        self.time = 0
        self.accumulated = 0
        self.fired = {node: [] for node in self.ids}

    def apply(self, node, time, value, normalised):
        if self.params.get("inputs_from_weights"):
            charge = self.params["weights"][int(value)]
        else:
            charge = value * self.factor if normalised else value
            charge = math.floor(charge) if self.params["discrete"] else charge
        self.push(time, node, charge)

    def push(self, time, node, charge):
        while len(self.events) <= time:
            self.events.append([])
        self.events[time].append((node, charge))

    def run(self, duration):
        self.fired = {node: [] for node in self.ids}
        self.accumulated = 0
        cycles = duration + 1 if self.params.get("run_time_inclusive") else duration
        for time in range(cycles):
            self.process(time)
        self.events = self.events[cycles:]
        self.time += cycles
        if cycles:
            for node in self.ids:
                if self.leaks[node]:
                    self.charge[node] = 0.0
                self.charge[node] = max(self.charge[node], self.params["min_potential"])

    def process(self, time):
        for node in self.ravens:
            self.fire(node, time)
        self.ravens = []
        arriving = self.events[time] if time < len(self.events) else []
        reached = []
        for node, charge in arriving:
            if node not in reached:
                reached.append(node)
                if self.leaks[node]:
                    self.charge[node] = 0.0
                self.charge[node] = max(self.charge[node], self.params["min_potential"])
            self.charge[node] += charge
            self.accumulated += 1
        inclusive = self.params.get("threshold_inclusive", True)
        for node in reached:
            level, threshold = self.charge[node], self.threshold[node]
            if level > threshold or (inclusive and level == threshold):
                for to, weight, delay in self.synapses[node]:
                    self.push(time + delay, to, weight)
                if self.params.get("fire_like_ravens"):
                    self.ravens.append(node)
                else:
                    self.fire(node, time)

    def fire(self, node, time):
        self.fired[node].append(time)
        self.charge[node] = 0.0
