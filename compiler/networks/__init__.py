"""What a network is: layers of 0/1 units with integer weights, their files, and what they answer."""
