// Package crds keeps the module whose types the HelmRelease CRD is generated from among this module's requirements.
package crds

import _ "github.com/fluxcd/helm-controller/api/v2"
