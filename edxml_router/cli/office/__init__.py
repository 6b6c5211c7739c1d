"""Commands of e-offices. They act for the offices of the node that the configuration names; programs attach over AMQP
instead."""
