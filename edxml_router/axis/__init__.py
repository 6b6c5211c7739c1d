"""This node as a client of the national axis: a side process that acts for the axis as an office's system would.

What nobody here serves is routed to the axis, into an inbox of its name. This process takes it from there with the
services of every office, sends it by the SDK's calls, and confirms or returns it when the axis tells its end. What lies
on the axis for this node is handed in, and the axis is told how that ended.
"""
