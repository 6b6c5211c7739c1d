"""RabbitMQ: the only home of pika."""
