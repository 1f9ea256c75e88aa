"""DiCLAM's page: `python app.py`, or a Hugging Face Space."""

from demo.interface import build, launch_options

demo = build()

if __name__ == "__main__":
    demo.launch(**launch_options())
