"""DiCLAM's page: `python app.py`, or a Hugging Face Space."""

import gc

from demo import supervisor
from demo.interface import build, launch_options

demo = build()

if __name__ == "__main__":
    supervisor.start()
    # What is there by now stays. Looking through it again and again, Python would halt all visitors for half a second.
    gc.collect()
    gc.freeze()
    demo.launch(**launch_options())
