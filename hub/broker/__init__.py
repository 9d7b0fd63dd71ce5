"""The MQTT brokers the hub can use: the embedded one behind its gate, and Mosquitto."""
