"""DiCLAM's page: `python app.py`, or a Hugging Face Space."""

from demo import memory, supervisor
from demo.interface import build, launch_options

demo = build()

if __name__ == "__main__":
    supervisor.start()
    memory.settle()
    demo.launch(**launch_options())
