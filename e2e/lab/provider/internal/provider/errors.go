package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// addError reports err as the real provider's resources on the older plugin SDK do: the summary is the SDK's text,
// `message (code, correlation id)`, and for invalid input the fields that were refused.
func addError(diags *diag.Diagnostics, err error) {
	if err == nil {
		return
	}
	diags.AddError(err.Error()+invalidFields(err), "")
}

func invalidFields(err error) string {
	var apiError hcloud.Error
	if !errors.As(err, &apiError) {
		return ""
	}
	details, ok := apiError.Details.(hcloud.ErrorDetailsInvalidInput)
	if !ok {
		return ""
	}
	fields := make([]string, len(details.Fields))
	for i, field := range details.Fields {
		fields[i] = fmt.Sprintf("%s => %s", field.Name, field.Messages)
	}
	return fmt.Sprintf(": %s", fields)
}

// addModernError reports err as the real provider's resources on terraform-plugin-framework do.
func addModernError(diags *diag.Diagnostics, err error) {
	if err == nil {
		return
	}
	var detail strings.Builder
	detail.WriteString("An unexpected error was encountered during an API request.\n\n")
	detail.WriteString(err.Error() + invalidFields(err) + "\n")

	var apiError hcloud.Error
	if errors.As(err, &apiError) {
		fmt.Fprintf(&detail, "\nError code: %s\n", apiError.Code)
		if response := apiError.Response(); response != nil {
			fmt.Fprintf(&detail, "Status code: %d\n", response.StatusCode)
		}
	}
	diags.AddError("API request failed", detail.String())
}

func isCode(err error, codes []hcloud.ErrorCode) bool {
	var apiError hcloud.Error
	return errors.As(err, &apiError) && slices.Contains(codes, apiError.Code)
}

// ignoreNotFound turns the error of deleting something that is gone into success.
func ignoreNotFound(err error) error {
	if hcloud.IsError(err, hcloud.ErrorCodeNotFound) {
		return nil
	}
	return err
}
