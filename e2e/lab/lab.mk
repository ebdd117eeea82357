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

PLATFORM ?=

.PHONY: image
image: ## Build the operator's image for a registry, with docker or podman: IMAGE=<name:tag>, PLATFORM=linux/arm64
	deploy/images/build $(IMAGE) $(PLATFORM)

.PHONY: images-pin
images-pin: ## Write the digests of the bases of `make image` and the provider's hashes into the repository; asks registries
	deploy/images/pin
	deploy/images/lock-provider

.PHONY: image-test
image-test: lab-up ## Build the image of `make image` without a registry, look into it, run a Sovereign's life with it
	$(PY) -m e2e.image
	$(PY) -m pytest e2e/stories/test_provisioning.py -q -k test_from_apply_to_delete \
		--operator-image build/image/operator.tar --junitxml=build/results/image.xml
