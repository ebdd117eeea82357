# The lab and the images; included by the Makefile, which sets PYTHON (any Python), PY (the virtual environment's) and READY.

## —— The lab and the images ———————————————————————————————————————

LAB_ARGS ?=

.PHONY: lab-packages
lab-packages:
	@$(PYTHON) -m e2e.lab packages

.PHONY: lab-tools
lab-tools: $(READY) | lab-packages ## Build OpenTofu, Kubernetes, Flux and the provider into the cache, where missing
	@$(PY) -m e2e.lab tools

.PHONY: lab-up
lab-up: $(READY) | lab-packages ## Bring the lab up, or back up; LAB_ARGS=--replace takes over from another checkout
	@$(PY) -m e2e.lab up $(LAB_ARGS)

.PHONY: lab-down
lab-down: ## Take the lab away: processes, mounts, bridges, rules
	@$(PYTHON) -m e2e.lab down

.PHONY: lab-status
lab-status: ## Which processes of the lab run and are ready
	@$(PYTHON) -m e2e.lab status

.PHONY: images
images: $(READY) ## Build the operator's image anew where something changed, and import it into the running lab
	@$(PY) -m e2e.lab images

.PHONY: image
image: ## Build the operator's image for a registry, with docker or podman: IMAGE=<name:tag>
	deploy/images/build $(IMAGE)

.PHONY: images-pin
images-pin: ## Resolve the digests of the bases of `make image` and write them into deploy/images/versions.env
	deploy/images/pin
