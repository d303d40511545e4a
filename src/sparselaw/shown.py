class Shown:
    pass
